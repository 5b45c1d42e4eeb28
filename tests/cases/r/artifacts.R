# Bare artifacts of what plain R and rpart make, each into a folder of its own: Rscript artifacts.R COLOURS FOLDER
given <- commandArgs(trailingOnly = TRUE)
keep <- function(name, model) {
  folder <- file.path(given[2], name, "model")
  dir.create(folder, recursive = TRUE)
  saveRDS(model, file.path(folder, "model.rds"))
}
colours <- read.csv(given[1], stringsAsFactors = TRUE)
keep("rpart", rpart::rpart(LABEL ~ R + G + B, colours, method = "class", cp = 0.001, minbucket = 5))
keep("lm", lm(mpg ~ log(wt) + poly(hp, 2), mtcars))
keep("glm", glm(am ~ wt, binomial, mtcars))
keep("factors", lm(Sepal.Length ~ Species + Petal.Width, iris))
keep("missing", structure(list(a = 1), class = c("randomForest.formula", "randomForest")))
keep("none", structure(list(a = 1), class = "mine"))
keep("nothing", c(1, 2, 3))
model <- lm(mpg ~ wt, mtcars)
other <- 1
folder <- file.path(given[2], "rdata", "model")
dir.create(folder, recursive = TRUE)
save(model, other, file = file.path(folder, "model.RData"))
