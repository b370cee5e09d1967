<?php
// One query a line -> one JSON object a line: what `$_GET` holds.
while (($line = fgets(STDIN)) !== false) {
  $read = [];
  @parse_str(rtrim($line, "\n"), $read);
  echo json_encode((object) $read, JSON_INVALID_UTF8_SUBSTITUTE | JSON_UNESCAPED_UNICODE), "\n";
}
