"""What do the weights of levels and classes buy, and who pays for it?

``python -m experiments.weights experiments/configs/weights_digits.yaml`` finds out for one data set: every way to weigh
the levels of its taxonomy times every way to weigh its classes, on the same images, seed by seed. Each row is told as
its difference to the first one: accuracy per level, recall and precision of the classes that some rows raise, the
recall of the class that fares worst, and which classes gain and which pay.

=================  ===================================================================================================
`config`           what a config may say
`division`         which images teach and which are tested on
`measurement`      all rows of one seed, on the same images
`measures`         what a model is worth, class by class
`columns`          what the tables show, in plain words
`shifts`           which classes gain by a row, and which pay
`writing`          rows of numbers as Markdown, CSV, JSON and a page
`runner`           everything, one after the other
=================  ===================================================================================================
"""
