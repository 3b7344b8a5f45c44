"""Experiments: strategies side by side on one protocol, each run in a folder of its own.

``python -m experiments.run experiments/configs/digits.yaml`` runs one. A config says which data, how its classes are
divided into known, given as other and never seen, which strategies and which seeds; `experiments.config` describes it.

=================  ===================================================================================================
`document`         YAML as plain text values, and ``key=value`` on the command line
`config`           what a config may say, checked before anything is read
`rows`             which strategies are compared: those of the config, and of files that it includes
`sources`          data by name: scikit-learn's digits, idx files, class folders, torchvision
`roles`            which class is known, given as other, never seen, or far as well
`validation`       a rehearsal on the images to learn from alone
`protocol`         which images are learnt from and which are tested on, with a checksum
`measurement`      one strategy on one protocol: fit, look at the test images once, measure
`columns`          what a table may show, in plain words
`runner`           strategies × seeds, one after the other; what failed, what is left
`results`          the run folder: models, pages, everything that was measured
`tables`           rows of numbers as Markdown and CSV
`journal`          what happens, line by line
`run`              the command
`results_page`     the tables of several runs on one page
`hold_out`         another kind of experiment: what is held out must be sent to where it belongs
=================  ===================================================================================================
"""
