"""What each assignment asks for, and what it is worth: one module an assignment."""
