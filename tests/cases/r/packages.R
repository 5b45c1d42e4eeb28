# Models of packages that the image does not have, as artifacts, and what R itself answers: Rscript packages.R FOLDER
given <- commandArgs(trailingOnly = TRUE)
data <- iris[c(5, 1, 2)]
models <- list(
  ranger = ranger::ranger(Species ~ ., data, seed = 1, num.threads = 1),
  randomForest = randomForest::randomForest(Species ~ ., data),
  svm = e1071::svm(Species ~ ., data),
  naiveBayes = e1071::naiveBayes(Species ~ ., data)
)
answer <- list(
  ranger = function(model) predict(model, data)$predictions, randomForest = function(model) predict(model, data),
  svm = function(model) predict(model, data), naiveBayes = function(model) predict(model, data)
)
library(randomForest)
library(e1071)
write.table(data[-1], file.path(given[1], "rows.csv"), sep = ",", row.names = FALSE, col.names = FALSE)
for (name in names(models)) {
  folder <- file.path(given[1], name, "model")
  dir.create(folder, recursive = TRUE)
  saveRDS(models[[name]], file.path(folder, "model.rds"))
  writeLines(as.character(answer[[name]](models[[name]])), file.path(given[1], name, "expected"))
}
