"""Is a taxonomy worth having, and does it matter which?

``python -m experiments.worth experiments/configs/worth_digits.yaml`` finds out for one data set. The same images teach
with a declared taxonomy, a discovered one, random ones of the same shapes, a binary one and none at all, on frozen
features and with a backbone that each taxonomy trains for itself. Whatever a row answers is said in the words of the
declared taxonomy before it is measured, so all have one ruler.

=================  ===================================================================================================
`config`           what a config may say
`trees`            the taxonomies that are compared
`translation`      an answer in the words of another taxonomy
`back_off`         how well a taxonomy backs off, in declared words
`measures`         what a model is worth on the images of one seed
`measurement`      all rows of one seed, on the same images for the same purposes
`differences`      rows subtracted seed by seed
`columns`          what the tables show, in plain words
`writing`          rows of numbers as Markdown, CSV, JSON and a page
`runner`           everything, one after the other
=================  ===================================================================================================
"""
