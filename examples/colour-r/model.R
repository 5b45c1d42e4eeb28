# The colour classifier in R: rpart on colorspace's coordinates, as it was in a notebook, trained and served by Tiffin.
#   train  a channel `train` of CSV files with the columns R, G, B (0 to 255) and LABEL
#   serve  R,G,B -> label

HYPERPARAMETERS <- list(
  color_space = c("lab", "lab-linear", "rgb"), # lab-linear: the bytes taken as linear light, which they are not
  cp = 0.001,
  minbucket = 5L,
  validation = 0.3, # the share of the rows that the metrics are about
  seed = 1L
)

COLUMNS <- list(R = "numeric", G = "numeric", B = "numeric")
ROW_WISE <- TRUE # no row's answer depends on another row, so that requests may be answered together

features <- function(data, color_space) {
  if (color_space == "rgb") return(data[c("R", "G", "B")])
  colour <- if (color_space == "lab") colorspace::sRGB else colorspace::RGB
  lab <- colorspace::coords(as(colour(data$R / 255, data$G / 255, data$B / 255), "LAB"))
  data.frame(L = lab[, "L"], A = lab[, "A"], B = lab[, "B"])
}

fit <- function(rows, given) {
  data <- features(rows, given$color_space)
  data$LABEL <- factor(rows$LABEL)
  rpart::rpart(LABEL ~ ., data, method = "class", cp = given$cp, minbucket = given$minbucket)
}

train_fn <- function(job) {
  given <- job$hyperparameters
  rows <- job$channel("train", "training")
  missing <- setdiff(c("R", "G", "B", "LABEL"), names(rows))
  if (length(missing)) stop(bad_job(paste("the training data has no column", missing[1])))

  set.seed(given$seed)
  held_out <- unlist(lapply(split(seq_len(nrow(rows)), rows$LABEL), function(of_label) {
    of_label[sample.int(length(of_label), floor(length(of_label) * given$validation))]
  }))
  if (length(held_out)) {
    tree <- fit(rows[-held_out, ], given)
    answers <- predict(tree, features(rows[held_out, ], given$color_space), type = "class")
    job$metric("validation_accuracy", mean(as.character(answers) == rows$LABEL[held_out]))
  }
  # the artifact is fitted to all rows
  saveRDS(list(tree = fit(rows, given), color_space = given$color_space), file.path(job$model_dir, "colours.rds"))
}

model_fn <- function(model_dir) {
  model <- readRDS(file.path(model_dir, "colours.rds"))
  # R loads and compiles what this needs now, once, and the server's processes share it
  for (time in 1:3) predict_fn(data.frame(R = 0, G = 0, B = 0), model)
  model
}

predict_fn <- function(data, model) {
  for (column in names(COLUMNS)) {
    wrong <- which(is.na(data[[column]]) | data[[column]] < 0 | data[[column]] > 255)
    if (length(wrong)) stop(bad_payload("is no number from 0 to 255", row = wrong[1], column = column))
  }
  predict(model$tree, features(data, model$color_space), type = "class")
}
