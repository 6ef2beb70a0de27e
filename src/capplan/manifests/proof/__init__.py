"""What files lead to, held against what an estimate promises."""
