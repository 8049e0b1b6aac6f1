"""What people would use instead, each in its best natural form, with our rules and facts inside."""
