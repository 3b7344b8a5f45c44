"""Discovery experiments: which way of finding a taxonomy finds the one that people have in mind?

``python -m experiments.discovery experiments/configs/discovery_digits.yaml`` runs one. Embeddings of images come from a
network that has not learnt from these images, or from a planted tree; several ways look for a taxonomy in them, and
what they find is scored against the reference, which none of them sees.

=================  ===================================================================================================
`config`           what a config may say
`problem`          embeddings, their classes, and the taxonomy that is to be found
`planted`          problems with a known answer: embeddings in which a tree is planted
`material`         problems from images
`ways`             ways to find a taxonomy, by name
`columns`          what the tables show, in plain words
`writing`          rows of numbers as Markdown, CSV, JSON and a page
`runner`           problems × ways × seeds, one after the other
=================  ===================================================================================================
"""
