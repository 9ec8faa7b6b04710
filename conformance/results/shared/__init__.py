"""What the failing cases of an adapter have in common and the passing ones lack, over all options and sizes."""
