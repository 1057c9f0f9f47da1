"""routesim in situations where engines are not alike, or not the gateway's alone.

Built on top of routesim without a change to it, so that what is measured with even engines stays as
it is. See situations.py for what there is.
"""
