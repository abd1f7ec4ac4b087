"""A graph of operations drawn as SVG."""


def graph_svg(*a):
    return ""
