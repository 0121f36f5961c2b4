"""What a position could cost: contracts, margin, liquidation, settlement; compiled, shared with the kernel."""
