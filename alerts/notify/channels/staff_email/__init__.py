"""E-mail to the staff member whom a notice is for."""
