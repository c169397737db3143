"""What are the structured ops, kind by kind?"""
