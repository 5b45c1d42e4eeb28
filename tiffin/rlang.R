# What Tiffin needs in R, in an environment of its own. Everything that Python calls goes through `guarded`. Objects of the user's stay here, in `kept`: Python holds their names and never the objects, since
# freeing one outside the lock would crash R.

tiffin <- environment()
kept <- new.env(parent = emptyenv())

# Conditions that are meant for people

bad_payload <- function(message, row = NULL, column = NULL) {
  structure(
    class = c("bad_payload", "error", "condition"),
    list(message = as.character(message)[1], call = NULL, row = row, column = column)
  )
}

bad_job <- function(message) {
  structure(class = c("bad_job", "error", "condition"), list(message = as.character(message)[1], call = NULL))
}

no_model <- function(...) {
  structure(class = c("no_model", "error", "condition"), list(message = paste0(...), call = NULL))
}

# Calls from Python: list(value, warnings, kind of failure, its message, call, row, column, traceback)

guarded <- function(name, limit, arguments) {
  said <- character()
  calls <- character()
  value <- NULL
  failed <- function(kind) {
    function(condition) {
      call <- conditionCall(condition)
      list(
        kind, utf8(told(condition)), if (is.null(call)) NULL else utf8(shown(call)),
        place(condition$row), place(condition$column), utf8(calls)
      )
    }
  }
  failure <- tryCatch(
    withCallingHandlers(
      {
        setTimeLimit(elapsed = limit)
        value <- do.call(get(name, envir = tiffin, inherits = FALSE), arguments, quote = TRUE)
        setTimeLimit(elapsed = Inf)
        NULL
      },
      warning = function(condition) {
        said <<- c(said, told(condition))
        invokeRestart("muffleWarning")
      },
      message = function(condition) {
        said <<- c(said, sub("\n$", "", told(condition)))
        invokeRestart("muffleMessage")
      },
      error = function(condition) calls <<- users_calls(sys.calls())
    ),
    bad_payload = failed("payload"),
    bad_job = failed("job"),
    no_model = failed("model"),
    interrupt = failed("interrupt"),
    error = function(condition) {
      late <- grepl("reached elapsed time limit", told(condition), fixed = TRUE)
      failed(if (late) "time" else "error")(condition)
    }
  )
  if (!is.null(failure)) setTimeLimit(elapsed = Inf)
  list(value, if (length(said)) utf8(said) else NULL, failure)
}

# What the user's code called: without our own frames above it and R's handlers below.
users_calls <- function(calls) {
  text <- vapply(utils::tail(calls, 40L), shown, "")
  ours <- max(0L, grep("^(answered|model_fn_of|rows_out|written|keep_[a-z]+|own_predict|train|source_code|sys\\.source)\\(", text))
  text <- text[seq_along(text) > ours & !grepl("^(\\.handleSimpleError|h)\\(", text)]
  utils::tail(text, 12L)
}

shown <- function(call) {
  text <- sub(
    "^get\\(\"([a-z]+_fn)\", envir = globalenv\\(\\)\\)", "\\1",
    paste(deparse(call, width.cutoff = 80L, nlines = 2L), collapse = " ")
  )
  if (nchar(text) > 160L) paste0(substr(text, 1L, 159L), "...") else text
}

# An interrupt has no message, and the user's own conditions may have anything.
told <- function(condition) {
  text <- conditionMessage(condition)
  if (is.character(text) && length(text)) paste(text, collapse = " ") else class(condition)[1]
}

place <- function(value) if (is.null(value)) NULL else utf8(as.character(value)[1])

utf8 <- function(text) {
  text <- enc2utf8(text)
  if (all(validUTF8(text))) text else iconv(text, "UTF-8", "UTF-8", sub = "?")
}

# Rows in

frame <- function(rows, names, kinds, values, texts) {
  columns <- vector("list", length(names))
  for (j in seq_along(names)) {
    cells <- values[[j]]
    columns[[j]] <- switch(kinds[[j]],
      text = texts[[j]][cells],
      factor = structure(cells, levels = texts[[j]], class = "factor"),
      ordered = structure(cells, levels = texts[[j]], class = c("ordered", "factor")),
      logical = as.logical(cells),
      cells
    )
  }
  structure(columns, names = names, row.names = .set_row_names(rows), class = "data.frame")
}

# All columns are doubles, one after the other in `flat`.
plain_frame <- function(rows, names, flat) {
  columns <- lapply(seq_along(names) - 1, function(j) flat[j * rows + seq_len(rows)])
  structure(columns, names = names, row.names = .set_row_names(rows), class = "data.frame")
}

# Rows out: list(rows, names, kinds, values, texts)

rows_out <- function(value, what) {
  if (is.data.frame(value)) {
    columns <- as.list(value)
    rows <- nrow(value)
    nested <- vapply(columns, function(column) is.list(column) || length(dim(column)) > 1L, NA)
    if (any(nested)) stop(what, " returned a data frame whose column ", names(value)[nested][1], " is no vector", call. = FALSE)
    names <- names(value)
  } else if (length(dim(value)) == 2L && is.atomic(value)) {
    rows <- nrow(value)
    columns <- lapply(seq_len(ncol(value)), function(j) as.vector(value[, j]))
    names <- colnames(value)
  } else if (is.atomic(value) && !is.null(value) && length(dim(value)) <= 1L) {
    rows <- length(value)
    columns <- list(if (is.object(value)) value else as.vector(value))
    names <- NULL
  } else {
    stop(what, " returned ", class(value)[1], "; it returns a vector, a factor, a matrix or a data frame", call. = FALSE)
  }
  columns <- lapply(columns, cells_out)
  list(
    as.integer(rows), if (is.null(names)) NULL else utf8(names), vapply(columns, `[[`, "", 1L),
    unname(lapply(columns, `[[`, 2L)), unname(lapply(columns, `[[`, 3L))
  )
}

# list(kind, values, texts): texts once each, and which of them by number
cells_out <- function(column) {
  if (is.factor(column)) return(list("text", as.integer(column), utf8(levels(column))))
  if (is.object(column)) column <- if (inherits(column, c("difftime", "integer64"))) as.numeric(column) else as.character(column)
  if (is.character(column)) {
    texts <- unique(column[!is.na(column)])
    return(list("text", match(column, texts), utf8(texts)))
  }
  if (is.logical(column)) return(list("logical", as.integer(column), NULL))
  if (is.integer(column)) return(list("integer", as.vector(column), NULL))
  if (is.double(column)) return(list("double", as.vector(column), NULL))
  stop("a column of ", typeof(column), " cannot be answered; numbers, text, factors and logicals can", call. = FALSE)
}

# Models

# Where to find the package of a class whose own name does not say it.
packages <- c(
  svm = "e1071", naiveBayes = "e1071", lda = "MASS", qda = "MASS", polr = "MASS", multinom = "nnet", gam = "mgcv",
  bam = "mgcv", C5.0 = "C50", cubist = "Cubist", xgb.Booster = "xgboost", lgb.Booster = "lightgbm", train = "caret",
  ksvm = "kernlab", coxph = "survival", survreg = "survival", merMod = "lme4", lme = "nlme", glmnet = "glmnet",
  cv.glmnet = "glmnet", BinaryTree = "party", constparty = "partykit", workflow = "workflows", kknn = "kknn"
)

# As utils::getS3method finds it, which would load the package tools.
predict_method <- function(class) {
  name <- paste0("predict.", class)
  registered <- get(".__S3MethodsTable__.", envir = asNamespace("stats"))
  exists(name, envir = globalenv(), mode = "function") || exists(name, envir = registered, inherits = FALSE)
}

# Raises no_model for what cannot be asked to predict.
has_predict <- function(model, source) {
  classes <- class(model)
  if (isS4(model)) {
    home <- attr(class(model), "package")
    if (!is.null(home) && requireNamespace(home, quietly = TRUE) && methods::existsMethod("predict", classes[1])) return(NULL)
    classes <- c(classes, methods::is(model))
  }
  guesses <- unique(c(unname(packages[classes]), attr(class(model), "package"), classes))
  guesses <- guesses[!is.na(guesses) & grepl("^[A-Za-z][A-Za-z0-9.]+$", guesses)]
  for (guess in guesses) requireNamespace(guess, quietly = TRUE) # which registers its methods
  if (any(vapply(classes, predict_method, NA))) return(NULL)
  named <- unname(packages[classes])
  named <- c(named[!is.na(named)], attr(class(model), "package"))
  if (!length(named) && is.object(model)) named <- sub("[.](formula|default)$", "", classes[1]) # randomForest.formula
  if (length(named) && !requireNamespace(named[1], quietly = TRUE)) {
    stop(no_model(
      source, " holds a model of class ", sQuote(classes[1], FALSE), ", which needs the R package ", named[1],
      "; the image does not have it (docs/07-r.md says how it gets in)"
    ))
  }
  stop(no_model(source, " holds an object of class ", sQuote(classes[1], FALSE), ", and R knows no predict() for that"))
}

read_artifact <- function(file) {
  name <- basename(file)
  model <- if (grepl("\\.rds$", file, ignore.case = TRUE)) {
    tryCatch(readRDS(file), error = function(e) stop(no_model(name, " cannot be read: ", conditionMessage(e))))
  } else {
    loaded <- new.env(parent = globalenv())
    names <- tryCatch(load(file, loaded), error = function(e) stop(no_model(name, " cannot be read: ", conditionMessage(e))))
    chosen <- if (length(names) == 1L) names else intersect("model", names)
    if (length(chosen) != 1L) {
      stop(no_model(name, " holds ", length(names), " objects (", paste(names, collapse = ", "), "); save one, or call it model"))
    }
    loaded[[chosen]]
  }
  has_predict(model, name)
  model
}

# What its own predict() is asked for: list(names, kinds, levels, whether its rows do not know of each other)
describe <- function(model) {
  found <- tryCatch(stats::delete.response(stats::terms(model)), error = function(e) NULL)
  is_plain <- FALSE
  kinds <- NULL
  if (!is.null(found)) {
    names <- all.vars(found)
    kinds <- unname(attr(found, "dataClasses")[names])
    is_plain <- all(vapply(as.list(attr(found, "variables"))[-1L], is.name, NA))
  } else {
    forest <- model[["forest"]]
    names <- c(
      forest$independent.variable.names, rownames(model[["importance"]]), names(model[["tables"]]), model[["feature_names"]]
    )
  }
  if (is.null(names) || !length(names)) return(list(NULL, NULL, NULL, FALSE))
  if (is.null(kinds)) kinds <- rep(NA_character_, length(names))
  known <- c(attr(model, "xlevels"), tryCatch(model$xlevels, error = function(e) NULL), tryCatch(model$forest$xlevels, error = function(e) NULL))
  levels <- lapply(names, function(name) if (is.character(known[[name]])) utf8(known[[name]]) else NULL)
  has_levels <- !vapply(levels, is.null, NA)
  kinds <- ifelse(has_levels & !(kinds %in% c("ordered", "character")), "factor", kinds)
  kinds <- ifelse(kinds %in% c("numeric", "integer", "double"), "double", ifelse(kinds == "character", "text", kinds))
  kinds <- ifelse(kinds %in% c("double", "factor", "ordered", "logical", "text"), kinds, "any")
  kinds[kinds %in% c("factor", "ordered") & !has_levels] <- "any"
  list(utf8(names), kinds, levels, is_plain)
}

own_predict <- function(model, data) {
  answer <- if (inherits(model, "rpart")) {
    stats::predict(model, data, type = if (identical(model$method, "class")) "class" else "vector")
  } else if (inherits(model, "tree")) {
    if (is.factor(model$y) || !is.null(attr(model, "ylevels"))) stats::predict(model, data, type = "class") else stats::predict(model, data)
  } else if (inherits(model, c("nnet", "multinom", "polr")) && !is.null(model$lev)) {
    stats::predict(model, data, type = "class")
  } else if (inherits(model, "glm")) {
    stats::predict(model, data, type = "response")
  } else {
    stats::predict(model, data)
  }
  if (inherits(answer, "ranger.prediction")) answer$predictions else if (is.list(answer) && !is.data.frame(answer) && !is.null(answer$class)) answer$class else answer
}

# The user's code

source_code <- function(file) {
  kept$handlers <- new.env()
  sys.source(file, envir = globalenv(), chdir = TRUE, keep.source = FALSE)
  known <- c(
    model_fn = 1L, predict_fn = 2L, input_fn = 2L, output_fn = 2L, train_fn = 1L,
    transform_fn = 0L, raw_fn = 0L, stream_fn = 0L, pre_model_fn = 0L, model_warmup_fn = 0L
  )
  defined <- names(known)[vapply(names(known), exists, NA, envir = globalenv(), inherits = FALSE)]
  for (name in defined) {
    what <- get(name, envir = globalenv())
    if (!is.function(what)) stop(no_model(name, " is ", class(what)[1], ", not a function"))
    if (known[[name]] == 0L) stop(no_model(name, " is for Python's inference.py; in R there are model_fn, predict_fn, input_fn, output_fn and train_fn"))
    takes <- formals(args(what))
    needs <- sum(vapply(takes, function(default) identical(default, quote(expr = )), NA) & names(takes) != "...")
    if (needs > known[[name]] || (length(takes) < known[[name]] && !("..." %in% names(takes)))) {
      stop(no_model(name, " takes ", length(takes), " arguments; it is called with ", known[[name]]))
    }
  }
  defined
}

declared <- function(name) {
  if (!exists(name, envir = globalenv(), inherits = FALSE)) return(NULL)
  found <- get(name, envir = globalenv())
  if (!is.list(found) || is.null(names(found)) || any(!nzchar(names(found)))) {
    stop(no_model(name, " is no list with a name for each entry"))
  }
  usable <- vapply(found, function(entry) is.atomic(entry) && !is.factor(entry) && length(entry) > 0L && !anyNA(entry), NA)
  if (!all(usable)) stop(no_model(name, "$", names(found)[!usable][1], " is no number, text or logical"))
  list(utf8(names(found)), vapply(found, typeof, ""), unname(lapply(found, function(entry) if (is.character(entry)) utf8(entry) else entry)))
}

joins <- function() isTRUE(get0("ROW_WISE", envir = globalenv(), inherits = FALSE))

load_model <- function(model_dir, file, from_code) {
  kept$model <- if (from_code) model_fn_of(model_dir) else read_artifact(file)
  NULL
}

model_fn_of <- function(model_dir) get("model_fn", envir = globalenv())(model_dir)

describe_kept <- function(source) {
  has_predict(kept$model, source)
  describe(kept$model)
}

answered <- function(data, by) {
  if (by == "predict_fn") get("predict_fn", envir = globalenv())(data, kept$model) else own_predict(kept$model, data)
}

predicted <- function(rows, names, kinds, values, texts, by) {
  swept(rows_out(answered(frame(rows, names, kinds, values, texts), by), by), rows)
}

predicted_plain <- function(rows, names, flat, by) swept(rows_out(answered(plain_frame(rows, names, flat), by), by), rows)

# What many rows leave does not wait for the next collection: it costs less than a millisecond.
swept <- function(value, rows) {
  force(value)
  if (rows >= 1000L) gc(full = FALSE)
  value
}

# With input_fn or output_fn what goes between them stays here.

keep_frame <- function(key, rows, names, kinds, values, texts) {
  assign(key, frame(rows, names, kinds, values, texts), envir = kept)
  NULL
}

keep_input <- function(key, body, content_type) {
  if (is.integer(body)) body <- as.raw(body)
  assign(key, get("input_fn", envir = globalenv())(body, content_type), envir = kept)
  NULL
}

keep_answer <- function(key, by) {
  assign(key, answered(get(key, envir = kept), by), envir = kept)
  NULL
}

kept_rows <- function(key, by) rows_out(get(key, envir = kept), by)

written <- function(key, accept) {
  answer <- get("output_fn", envir = globalenv())(get(key, envir = kept), accept)
  content_type <- NULL
  if (is.list(answer) && length(answer) == 2L) {
    content_type <- utf8(as.character(answer[[2L]]))
    answer <- answer[[1L]]
  }
  if (!(is.raw(answer) || (is.character(answer) && length(answer) == 1L && !is.na(answer)))) {
    stop("output_fn returned ", class(answer)[1], "; it returns one text or raw bytes, or list(body, content type)", call. = FALSE)
  }
  list(as.integer(if (is.raw(answer)) answer else charToRaw(utf8(answer))), content_type)
}

forget <- function(keys) {
  rm(list = keys[vapply(keys, exists, NA, envir = kept, inherits = FALSE)], envir = kept)
  NULL
}

# Before the processes are forked. A full collection writes to all that R holds, and so ends the sharing of it; what can
# be done is to hold little. So the user's functions are compiled here, once, and the compiler is unloaded (an eighth of
# what R is); and garbage is collected each so many allocations, instead of when it has grown as large as what is used.
settle <- function() {
  for (name in ls(globalenv())) { # `try`: a binding may be locked, and the compiler another package's import
    if (is.function(globalenv()[[name]])) try(assign(name, compiler::cmpfun(globalenv()[[name]]), envir = globalenv()), silent = TRUE)
  }
  if (!"package:compiler" %in% search()) try(unloadNamespace("compiler"), silent = TRUE)
  for (time in 1:3) used <- gc(full = TRUE)["Ncells", "used"]
  gctorture2(max(60000, used %/% 6)) # whatever its name says, nothing but that
  NULL
}

# A process that was forked: what R drew before must not be drawn again by each of them.
fresh_chance <- function() {
  if (exists(".Random.seed", envir = globalenv(), inherits = FALSE)) rm(".Random.seed", envir = globalenv())
  NULL
}

# Training

metric <- function(name, value) {
  number <- if (abs(value) >= 1e6) sprintf("%.0f", value) else format(signif(value, 6), scientific = FALSE, trim = TRUE, digits = 6)
  cat(name, "=", number, ";\n", sep = "")
}

read_files <- function(files) {
  tables <- lapply(files, function(file) {
    utils::read.csv(file, check.names = FALSE, colClasses = "character", na.strings = "", encoding = "UTF-8", fileEncoding = "UTF-8-BOM")
  })
  if (length(tables) > 1L) {
    same <- vapply(tables, function(table) setequal(names(table), names(tables[[1L]])), NA)
    if (!all(same)) stop(bad_job(paste0(basename(files[!same][1L]), " has other columns than ", basename(files[1L]))))
  }
  table <- do.call(rbind, tables)
  # NA is R's word for a missing number, and among text it is text (K-06)
  table[] <- lapply(table, function(column) {
    found <- utils::type.convert(column, na.strings = "NA", as.is = TRUE)
    if (is.character(found)) column else found
  })
  table
}

train <- function(job, channels) {
  gctorture2(0) # as R has it: a job forks nothing, and wants its time
  sought <- function(names) {
    found <- intersect(names, names(channels))
    if (length(found)) return(found[[1L]])
    given <- if (length(channels)) paste(sort(names(channels)), collapse = ", ") else "none"
    stop(bad_job(paste0("there is no channel ", paste(sQuote(names, FALSE), collapse = " or "), "; channels given: ", given)))
  }
  job$channel_dir <- function(...) channels[[sought(c(...))]]$dir
  job$channel <- function(...) {
    found <- channels[[sought(c(...))]]
    if (!is.null(found$problem)) stop(bad_job(found$problem))
    read_files(unlist(found$files))
  }
  job$channels <- new.env()
  for (name in names(channels)) {
    local({
      own <- name
      delayedAssign(own, job$channel(own), assign.env = job$channels)
    })
  }
  job$metric <- metric
  get("train_fn", envir = globalenv())(job)
  NULL
}

# Once, when all of the above is there

local({
  options(warn = 1, error = NULL, menu.graphics = FALSE, keep.source = FALSE)
  Sys.setenv(LANGUAGE = "en")
  for (name in c("quit", "q")) {
    unlockBinding(name, baseenv())
    assign(name, envir = baseenv(), value = function(...) {
      stop("quit() does not end a server or a job; return, or stop() with the reason", call. = FALSE)
    })
    lockBinding(name, baseenv())
  }
  for (name in ls(tiffin)) if (is.function(tiffin[[name]])) tiffin[[name]] <- compiler::cmpfun(tiffin[[name]])
  attach(list(bad_payload = bad_payload, bad_job = bad_job), name = "tiffin", warn.conflicts = FALSE)
})
