"""How does a tape of arrays become a program?"""
