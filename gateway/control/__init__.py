"""What requests mean: the RPC methods and their handlers, and the desk of watched symbols."""
