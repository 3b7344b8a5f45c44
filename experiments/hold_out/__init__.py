"""Hold-out experiments: how well is what nobody has heard of sent to where it belongs?

``python -m experiments.hold_out experiments/configs/hold_out_digits.yaml`` runs one. Classes and whole meta-classes are
held out, one network is trained on the rest, and methods answer on its features: ours and those of
`hierclf.references`. An answer is a node; the right one for an image of a held-out class is its closest known ancestor.

=================  ===================================================================================================
`config`           what a config may say
`drawing`          which classes are held out, by the seed
`far`              images out of scope altogether, in the form of the data
`division`         which image is for what, with a checksum
`answers`          what a method says, in one form for ours and for references
`judgement`        answers against the truth
`measurement`      all methods of one seed, on one network
`columns`          what the tables show, in plain words
`writing`          rows of numbers as Markdown, CSV, JSON and a page
`runner`           methods × seeds, one after the other
=================  ===================================================================================================
"""
