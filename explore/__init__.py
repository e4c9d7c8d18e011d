"""Sliders, pictures and pages, generated from the declarations."""
