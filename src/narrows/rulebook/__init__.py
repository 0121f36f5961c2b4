"""What each venue's rules were on each date: funding, margin, fees, settlement."""
