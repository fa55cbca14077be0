/* test_amqp_cases.h - conversations, made by hand of the standard */

static const struct talk_case cases[] = {
	{"opening, declaring, publishes with and without confirms",
	 "CONNECT\n"
	 "request end 0\n"
	 "CONNECT answered\n"
	 "response end 0\n"
	 "connection.open\n"
	 "request end 0\n"
	 "connection.open answered\n"
	 "response end 0\n"
	 "channel.open\n"
	 "request end 0\n"
	 "channel.open answered\n"
	 "response end 0\n"
	 "exchange.declare on shop one-way\n"
	 "request end 0\n"
	 "queue.declare on q\n"
	 "request end 0\n"
	 "queue.declare answered\n"
	 "response end 0\n"
	 "publish on shop one-way\n"
	 "request end 5\n"
	 "publish on q one-way\n"
	 "request end 0\n"
	 "confirm.select\n"
	 "request end 0\n"
	 "confirm.select answered\n"
	 "response end 0\n"
	 "publish on q\n"
	 "request end 1\n"
	 "publish on q\n"
	 "request end 1\n"
	 "publish on q\n"
	 "request end 1\n"
	 "publish answered messaging_status=nack failed\n"
	 "response end 0\n"
	 "publish answered\n"
	 "response end 0\n"
	 "connection.close\n"
	 "request end 0\n"
	 "connection.close answered\n"
	 "response end 0\n",
	 {
	  "> ="
	  "414d515000000901",
	  "< ="
	  "0100000000001c000a000a00090000000000000005504c41494e00000005656e5f5553ce",
	  "> ="
	  "01000000000023000a000b0000000005504c41494e0000000b006a6f6500736573616d6505656e5f"
	  "5553ce",
	  "< ="
	  "0100000000000c000a001e000900020000003cce",
	  "> ="
	  "0100000000000c000a001f000900020000003cce01000000000008000a0028012f0000ce",
	  "< ="
	  "01000000000005000a002900ce",
	  "> ="
	  "010001000000050014000a00ce",
	  "< ="
	  "010001000000080014000b00000000ce08000000000000ce",
	  "> ="
	  "010001000000160028000a00000473686f7005746f7069631000000000ce0100010000000d003200"
	  "0a000001710000000000ce",
	  "< ="
	  "0100010000000e0032000b01710000000000000000ce",
	  "> ="
	  "0100010000000e003c002800000473686f70016b00ce0200010000000f003c000000000000000000"
	  "05100002ce0300010000000568656c6c6fce0100010000000a003c0028000000017100ce02000100"
	  "00000f003c00000000000000000000100002ce010001000000050055000a00ce",
	  "< ="
	  "010001000000040055000bce",
	  "> ="
	  "0100010000000a003c0028000000017100ce0200010000000f003c00000000000000000001100002"
	  "ce0300010000000161ce0100010000000a003c0028000000017100ce0200010000000f003c000000"
	  "00000000000001100002ce0300010000000161ce0100010000000a003c0028000000017100ce0200"
	  "010000000f003c00000000000000000001100002ce0300010000000161ce",
	  "< ="
	  "0100010000000d003c0078000000000000000200ce0100010000000d003c00500000000000000003"
	  "01ce",
	  "> ="
	  "0100000000000e000a003200c80362796500000000ce",
	  "< ="
	  "01000000000004000a0033ce",
	 }},
	{"consuming",
	 "CONNECT\n"
	 "request end 0\n"
	 "basic.consume on q\n"
	 "request end 0\n"
	 "basic.consume answered\n"
	 "response end 0\n"
	 "server: process on q\n"
	 "response end 6\n"
	 "server: process on q\n"
	 "response end 2\n"
	 "process answered messaging_status=reject failed\n"
	 "request end 0\n"
	 "process answered\n"
	 "request end 0\n"
	 "basic.consume on r one-way\n"
	 "request end 0\n"
	 "server: process on r one-way\n"
	 "response end 0\n"
	 "receive on q\n"
	 "request end 0\n"
	 "receive answered messaging_messages=1\n"
	 "response end 3\n"
	 "receive on q\n"
	 "request end 0\n"
	 "receive answered messaging_messages=0\n"
	 "response end 0\n",
	 {
	  "> ="
	  "414d51500000090101000000000023000a000b0000000005504c41494e0000000b006a6f65007365"
	  "73616d6505656e5f5553ce0100010000000e003c001400000171000000000000ce",
	  "< ="
	  "01000100000009003c00150463746167ce",
	  "< ="
	  "01000100000015003c003c0463746167000000000000000100000171ce0200010000000f003c0000"
	  "0000000000000006100002ce03000100000003616263ce03000100000003646566ce010001000000"
	  "15003c003c0463746167000000000000000200000171ce0200010000000f003c0000000000000000"
	  "0002100002ce030001000000027879ce",
	  "> ="
	  "0100010000000d003c005a000000000000000200ce0100010000000d003c00500000000000000001"
	  "00ce01000100000010003c0014000001720274320a00000000ce",
	  "< ="
	  "01000100000013003c003c027432000000000000000300000172ce0200010000000f003c00000000"
	  "000000000000100002ce",
	  "> ="
	  "01000100000009003c00460000017100ce",
	  "< ="
	  "01000100000014003c004700000000000000040000017100000000ce0200010000000f003c000000"
	  "00000000000003100002ce03000100000003616263ce",
	  "> ="
	  "01000100000009003c00460000017100ce",
	  "< ="
	  "01000100000005003c004800ce",
	 }},
	{"closed by the server",
	 "CONNECT\n"
	 "request end 0\n"
	 "queue.declare on q\n"
	 "request end 0\n"
	 "queue.declare answered messaging_status=NOT_FOUND one-way failed\n"
	 "response end 0\n"
	 "publish on none one-way\n"
	 "request end 1\n"
	 "server: channel.close messaging_status=NOT_FOUND one-way failed\n"
	 "response end 0\n"
	 "server: return on e messaging_status=NO_ROUTE one-way failed\n"
	 "response end 2\n",
	 {
	  "> ="
	  "414d51500000090101000000000023000a000b0000000005504c41494e0000000b006a6f65007365"
	  "73616d6505656e5f5553ce0100010000000d0032000a000001710100000000ce",
	  "< ="
	  "010001000000280014002801941d4e4f545f464f554e44202d206e6f207175657565202773657361"
	  "6d65270032000ace",
	  "> ="
	  "0100010000000400140029ce0100020000000e003c00280000046e6f6e65016b00ce020002000000"
	  "0f003c00000000000000000001100002ce0300020000000178ce",
	  "< ="
	  "01000200000014001400280194094e4f545f464f554e44003c0028ce",
	  "< ="
	  "01000300000013003c00320138084e4f5f524f5554450165016bce0200030000000f003c00000000"
	  "000000000002100002ce030003000000026869ce",
	 }},
	{"refused",
	 "CONNECT\n"
	 "request end 0\n"
	 "CONNECT answered messaging_status=ACCESS_REFUSED one-way failed\n"
	 "response end 0\n",
	 {
	  "> ="
	  "414d515000000901",
	  "< ="
	  "0100000000001c000a000a00090000000000000005504c41494e00000005656e5f5553ce",
	  "> ="
	  "01000000000023000a000b0000000005504c41494e0000000b006a6f6500736573616d6505656e5f"
	  "5553ce",
	  "< ="
	  "01000000000021000a00320193164143434553535f52454655534544202d204c6f67696e00000000"
	  "ce",
	 }},
};
