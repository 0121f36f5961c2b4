"""Where the gap is, what holding it pays and costs, and how well that worked."""
