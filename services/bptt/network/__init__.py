"""The network that is trained: embedding or input, recurrent layers, read-out, and their passes."""
