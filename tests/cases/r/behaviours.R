# What may go wrong, and what may be returned, each by the text in `s`.
COLUMNS <- list(x = "numeric", g = c("a", "나"), s = "character", ok = "logical")
predict_fn <- function(data, model) {
  if (any(data$s == "stop", na.rm = TRUE)) stop("boom in /secret/path")
  if (any(data$s == "bad", na.rm = TRUE)) stop(bad_payload("is bad", row = which(data$s == "bad")[1], column = "s"))
  if (any(data$s == "quit", na.rm = TRUE)) quit("no")
  if (any(data$s == "warn", na.rm = TRUE)) { warning("careful"); message("note"); cat("printed\n") }
  if (any(data$s == "read", na.rm = TRUE)) return(paste0("[", readline("? "), "]"))
  if (any(data$s == "loop", na.rm = TRUE)) repeat {}
  if (any(data$s == "slow", na.rm = TRUE)) { end <- Sys.time() + 3; while (Sys.time() < end) sum(runif(1e5)) }
  if (any(data$s == "deep", na.rm = TRUE)) { f <- function(n) f(n + 1); f(1) }
  if (any(data$s == "rand", na.rm = TRUE)) return(runif(nrow(data)))
  if (any(data$s == "temp", na.rm = TRUE)) { f <- tempfile(); writeLines("x", f); return(file.exists(f)) }
  if (any(data$s == "list", na.rm = TRUE)) return(list(1, 2))
  if (any(data$s == "frame", na.rm = TRUE)) return(data)
  if (any(data$s == "classes", na.rm = TRUE)) return(rep(paste(vapply(data, function(c) class(c)[1], ""), collapse = " "), nrow(data)))
  data$x * 2
}
model_fn <- function(model_dir) list(kind = "none")
