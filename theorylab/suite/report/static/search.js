// A page that is opened from the disk may not read other files: search then shows titles without their text.
"use strict";

if (location.protocol === "file:") DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;
