/* test_mqtt_cases.h - conversations, made by hand of the standard */

static const struct talk_case cases[] = {
	{"3.1.1: QoS 0, 1, 2",
	 "CONNECT messaging_client_id=shop\n"
	 "request end 0\n"
	 "CONNECT answered\n"
	 "response end 0\n"
	 "SUBSCRIBE on a/#\n"
	 "request end 0\n"
	 "SUBSCRIBE answered messaging_status=Unspecified error failed\n"
	 "response end 0\n"
	 "publish on a/0 one-way\n"
	 "request end 5\n"
	 "publish on a/1\n"
	 "request end 200\n"
	 "publish on a/2\n"
	 "request end 0\n"
	 "publish answered\n"
	 "response end 0\n"
	 "publish answered\n"
	 "response end 0\n"
	 "publish answered\n"
	 "response end 0\n"
	 "server: process on a/0 one-way\n"
	 "response end 5\n"
	 "server: process on a/1\n"
	 "response end 3\n"
	 "process answered\n"
	 "request end 0\n"
	 "PINGREQ\n"
	 "request end 0\n"
	 "PINGREQ answered\n"
	 "response end 0\n"
	 "UNSUBSCRIBE on a/#\n"
	 "request end 0\n"
	 "UNSUBSCRIBE answered\n"
	 "response end 0\n"
	 "DISCONNECT one-way\n"
	 "request end 0\n",
	 {
	  "> ="
	  "101d00044d51545404c2003c000473686f7000036a6f650006736573616d65",
	  "< ="
	  "20020000",
	  "> ="
	  "820c00010003612f230100016202",
	  "< ="
	  "900400010180",
	  "> ="
	  "300a0003612f3068656c6c6f32cf010003612f310007787878787878787878787878787878787878"
	  "78787878787878787878787878787878787878787878787878787878787878787878787878787878"
	  "78787878787878787878787878787878787878787878787878787878787878787878787878787878"
	  "78787878787878787878787878787878787878787878787878787878787878787878787878787878"
	  "78787878787878787878787878787878787878787878787878787878787878787878787878787878"
	  "7878787878787878787878787878787878787878787834070003612f320008",
	  "< ="
	  "5002000840020007",
	  "> ="
	  "62020008",
	  "< ="
	  "70020008",
	  "< ="
	  "300a0003612f3068656c6c6f320a0003612f310007616263",
	  "> ="
	  "40020007c000",
	  "< ="
	  "d000",
	  "> ="
	  "a20700090003612f23",
	  "< ="
	  "b0020009",
	  "> ="
	  "e000",
	 }},
	{"5: properties, reasons",
	 "CONNECT messaging_client_id=x\n"
	 "request end 0\n"
	 "CONNECT answered\n"
	 "response end 0\n"
	 "publish on t\n"
	 "request end 3\n"
	 "publish answered messaging_status=Not authorized failed\n"
	 "response end 0\n"
	 "publish on u\n"
	 "request end 1\n"
	 "publish answered messaging_status=Quota exceeded failed\n"
	 "response end 0\n"
	 "publish unseen one-way\n"
	 "request end 2\n"
	 "SUBSCRIBE on f\n"
	 "request end 0\n"
	 "SUBSCRIBE answered messaging_status=Topic Filter invalid failed\n"
	 "response end 0\n"
	 "server: DISCONNECT messaging_status=Session taken over one-way failed\n"
	 "response end 0\n",
	 {
	  "> ="
	  "101300044d5154540502003c05110000000a000178",
	  "< ="
	  "2006000003210014",
	  "> ="
	  "321500017400010c260001610006736573616d65616263",
	  "< ="
	  "400400018700",
	  "> ="
	  "340700017500020061",
	  "< ="
	  "5003000297",
	  "> ="
	  "30080000032300016162",
	  "> ="
	  "820700030000016600",
	  "< ="
	  "90040003008f",
	  "< ="
	  "e0028e00",
	 }},
	{"5: topics by their aliases, of each side its own",
	 "CONNECT messaging_client_id=x\n"
	 "request end 0\n"
	 "CONNECT answered\n"
	 "response end 0\n"
	 "publish on a/b one-way\n"
	 "request end 1\n"
	 "publish on a/b one-way\n"
	 "request end 2\n"
	 "publish on c one-way\n"
	 "request end 1\n"
	 "publish on c one-way\n"
	 "request end 1\n"
	 "publish unseen one-way\n"
	 "request end 1\n"
	 "server: process unseen one-way\n"
	 "response end 1\n"
	 "server: process on s one-way\n"
	 "response end 1\n"
	 "server: process on s one-way\n"
	 "response end 1\n",
	 {
	  "> ="
	  "101300044d5154540502003c05110000000a000178",
	  "< ="
	  "2006000003210014",
	  "> ="
	  "30180003612f62110101260001610006736573616d6523000178",
	  "> ="
	  "30080000032300017979",
	  "> ="
	  "300b000163060b81012300017a",
	  "> ="
	  "301300000f260001610006736573616d6523000177",
	  "> ="
	  "300700000323000976",
	  "< ="
	  "300700000323000171",
	  "< ="
	  "30120001730d0300027474020000000123000971",
	  "< ="
	  "300700000323000971",
	 }},
	{"refused",
	 "CONNECT messaging_client_id=y\n"
	 "request end 0\n"
	 "CONNECT answered messaging_status=Bad User Name or Password failed\n"
	 "response end 0\n",
	 {
	  "> ="
	  "101a00044d51545404c2003c00017900036a6f650006736573616d65",
	  "< ="
	  "20020004",
	 }},
	{"5: a trace context among the properties; two are none",
	 "CONNECT messaging_client_id=x\n"
	 "request end 0\n"
	 "publish on a one-way\n"
	 "in context 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\n"
	 "request end 3\n"
	 "publish on b one-way\n"
	 "request end 3\n"
	 "CONNECT answered\n"
	 "response end 0\n"
	 "server: process on a one-way\n"
	 "in context 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\n"
	 "response end 3\n",
	 {
	  "> ="
	  "100e00044d5154540502003c000001783060000161590101260005746f6b656e0006736573616d65"
	  "26000b7472616365706172656e74003730302d306166373635313931366364343364643834343865"
	  "62323131633830333139632d623761643662373136393230333333312d3031616263309601000162"
	  "8e0126000b7472616365706172656e74003730302d30616637363531393136636434336464383434"
	  "386562323131633830333139632d623761643662373136393230333333312d303126000b74726163"
	  "65706172656e74003730302d30616637363531393136636434336464383434386562323131633830"
	  "333139632d623761643662373136393230333333312d3031616263",
	  "< ="
	  "200300000030500001614926000b7472616365706172656e74003730302d30616637363531393136"
	  "636434336464383434386562323131633830333139632d623761643662373136393230333333312d"
	  "30310b01616263",
	 },
	 {},
	 {"sesame"}},
};
