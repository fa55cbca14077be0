#include "cli/doctor.h"
#include "cli/list.h"
#include "cli/options.h"
#include "cli/session.h"
#include "cli/tui/choose.h"

#include <locale.h>

int main(int argc, char **argv)
{
	struct options o;
	int status, left = 0;

	/* widths of characters, and nothing else: numbers and messages are the same everywhere */
	setlocale(LC_CTYPE, "");
	status = options_parse(&o, argc, argv);
	if (!status && o.choose)
		status = choose_listener(&o, &left);
	if (!status && !left)
		status = o.doctor ? doctor_run(&o) : o.list ? list_run(&o) : session_run(&o);
	options_release(&o);
	return status;
}
