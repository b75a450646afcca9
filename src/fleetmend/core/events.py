"""What wakes a controller: the patterns that are subscribed, and the messages that come.

A message carries an identity, never a fact that is trusted: whatever it claims about a state is
thrown away here, and AWS is asked instead.
"""
