"""Arrays in, numbers out: scores, intervals and theory, without a simulator."""
