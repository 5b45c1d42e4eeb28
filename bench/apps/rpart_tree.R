# The tree that plumber_app.R fits, saved: Rscript rpart_tree.R COLOURS OUT.rds
given <- commandArgs(trailingOnly = TRUE)
colours <- read.csv(given[1], stringsAsFactors = TRUE)
saveRDS(rpart::rpart(LABEL ~ R + G + B, colours, method = "class", cp = 0.001), given[2])
