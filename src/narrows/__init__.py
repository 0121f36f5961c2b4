"""narrows: convergence trading in crypto derivatives."""

__version__ = "0.1.0"
