"""What a position could cost: contracts, margin, liquidation, settlement."""
