def scaled(value, rate):
    return value * rate
