def scattering(*a, **k):
    raise NotImplementedError
