"""How sure is a front, given the ranges of the constants that it rests on?"""
