"""The review console: lists and shows open reviews for trained staff, and sends their signed outcomes."""
