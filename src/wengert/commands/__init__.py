"""What do the commands of `wengert` do?"""
