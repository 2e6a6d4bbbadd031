"""`validate --production`: proves on this machine what the operations guide promises."""
