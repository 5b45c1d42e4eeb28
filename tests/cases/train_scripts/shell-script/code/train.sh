for word in "$@"; do echo "<$word>"; done
echo kept > "$SM_MODEL_DIR/model"
