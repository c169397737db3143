"""What happens when a function of NumPy is called with vars?"""
