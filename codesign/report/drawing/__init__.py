"""What is a drawing to scale made of: data, view, ink, colours, labels, dimensions, legend?"""
