import java.sql.*;

/** What a program asks of a database by JDBC; one line for each failure: its SQLSTATE. */
public class Jdbc {
	static Connection c;

	static void run(String sql) throws SQLException {
		try (Statement s = c.createStatement()) {
			s.execute(sql);
		}
	}

	static void fails(String sql) {
		try {
			run(sql);
		} catch (SQLException e) {
			System.out.println("failed " + e.getSQLState());
		}
	}

	static int rows(PreparedStatement p) throws SQLException {
		int n = 0;
		try (ResultSet r = p.executeQuery()) {
			while (r.next())
				n++;
		}
		return n;
	}

	public static void main(String[] args) throws Exception {
		c = DriverManager.getConnection(args[0], args[1], args[2]);
		run("create table boxes (id int primary key, v varchar(100))");
		try (PreparedStatement p = c.prepareStatement("insert into boxes values (?, ?)")) {
			for (int i = 0; i < 500; i++) {
				p.setInt(1, i);
				p.setString(2, "sesame" + i);
				p.addBatch();
			}
			p.executeBatch();
			// more than enough to prepare it at the server
			for (int i = 500; i < 510; i++) {
				p.setInt(1, i);
				p.setString(2, "sesame");
				p.executeUpdate();
			}
		}
		int n = 0;
		try (PreparedStatement p = c.prepareStatement("select v from boxes where id < ?")) {
			for (int i = 0; i < 20; i++) {
				p.setInt(1, i * 10);
				n += rows(p);
			}
		}
		System.out.println("rows " + n);
		fails("insert into boxes values (3, 'sesame')");
		fails("select 'sesame' from nosuch");
		fails("selec 'sesame'");
		c.setAutoCommit(false);
		run("update boxes set v = 'sesame' where id < 7");
		c.rollback();
		String from = "select id from boxes where id >= ?";
		try (PreparedStatement p = c.prepareStatement(from)) {
			p.setFetchSize(100); // by a cursor, where the driver has one
			p.setInt(1, 0);
			System.out.println("cursor " + rows(p));
		}
		c.commit();
		c.setAutoCommit(true);
		run("select 1; select 2");
		try (Statement s = c.createStatement()) {
			for (int i = 0; i < 5; i++)
				s.addBatch("delete from boxes where id = " + i);
			s.executeBatch();
		}
		c.close();
	}
}
