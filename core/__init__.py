"""What every declaration is made of: parameters, equation text, discovery, claims, errors."""

from . import notebook as notebook
