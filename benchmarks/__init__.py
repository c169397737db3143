"""What does wengert cost, measured beside its peers in one run? ``wengert bench`` runs the main job of these."""
