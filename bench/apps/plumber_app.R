# R's plumber by its own documentation, with an rpart tree on the same colours as R,G,B.
library(plumber)
given <- commandArgs(trailingOnly = TRUE) # port, the shipped colours
colours <- read.csv(given[2], stringsAsFactors = TRUE)
tree <- rpart::rpart(LABEL ~ R + G + B, colours, method = "class", cp = 0.001)

pr() |>
  pr_get("/ping", function() "", serializer = serializer_text()) |>
  pr_post("/invocations", function(req) {
    rows <- read.csv(text = rawToChar(req$bodyRaw), header = FALSE, col.names = c("R", "G", "B"))
    paste0(paste(predict(tree, rows, type = "class"), collapse = "\n"), "\n")
  }, parsers = "text", serializer = serializer_text()) |>
  pr_run(host = "127.0.0.1", port = as.integer(given[1]), docs = FALSE, quiet = TRUE)
