# What plain R answers over all colours of a 5-bit grid, a line each: Rscript expected.R MODEL.rds OUT.csv
given <- commandArgs(trailingOnly = TRUE)
steps <- 0:31 * 8 + 4
grid <- expand.grid(R = steps, G = steps, B = steps)
model <- readRDS(given[1])
lab <- colorspace::coords(as(colorspace::sRGB(grid$R / 255, grid$G / 255, grid$B / 255), "LAB"))
tree <- if (inherits(model, "rpart")) model else model$tree
data <- if (inherits(model, "rpart")) grid else data.frame(L = lab[, "L"], A = lab[, "A"], B = lab[, "B"])
answers <- cbind(grid, as.data.frame(lab), label = as.character(predict(tree, data, type = "class")))
options(digits = 17)
write.table(answers, given[2], sep = ",", row.names = FALSE, col.names = FALSE, quote = FALSE)
