def texts(data):
    return data["questions"]
