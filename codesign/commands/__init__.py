"""What does each command do once its arguments are read?"""
