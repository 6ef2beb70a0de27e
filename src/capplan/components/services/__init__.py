"""Services: sized by what one instance carries, metered by their platform's rules."""
